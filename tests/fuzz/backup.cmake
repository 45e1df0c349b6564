holdfast_fuzz(backup SOURCES ${CMAKE_CURRENT_LIST_DIR}/fuzz_backup.c DEPENDS backup)
