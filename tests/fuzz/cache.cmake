holdfast_fuzz(row SOURCES ${CMAKE_CURRENT_LIST_DIR}/fuzz_row.c DEPENDS cache)
