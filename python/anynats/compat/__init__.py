"""Names and shapes of existing NATS packages, over anynats: change the import line, nothing else.

Each module stands in for one package and knows no protocol; it is imported when first asked for.
"""
