# Runs while an archive that was compiled for link-time optimisation is installed: optimises across
# its files here and now and leaves one plain object. The compiler's own intermediate code must not
# stay: GCC uses it whenever it finds it, asked or not, and ends at that of another version.
# Set before: archive, compiler, ar. Takes a quarter of a minute.
message(STATUS "Optimising: ${archive}")
set(object "${archive}.o")
# In one partition: GCC 12 ends with an internal error when it divides the work.
execute_process(
    COMMAND "${compiler}" -r -nostdlib -O2 -fPIC
            -flto -flto-partition=one -flinker-output=nolto-rel
            -Wl,--whole-archive "${archive}" -Wl,--no-whole-archive -o "${object}"
    COMMAND_ERROR_IS_FATAL ANY)
file(REMOVE "${archive}")
execute_process(COMMAND "${ar}" qcs "${archive}" "${object}" COMMAND_ERROR_IS_FATAL ANY)
file(REMOVE "${object}")
