set(tempdir ${CMAKE_SOURCE_DIR}/tests/tools/tempdir.c)
holdfast_test(test_backup_archive SOURCES test_archive.c ${tempdir} DEPENDS backup)
holdfast_test(test_backup_schedule SOURCES test_schedule.c ${tempdir} DEPENDS backup)
