holdfast_test(test_audit_log_file SOURCES test_log_file.c ${CMAKE_SOURCE_DIR}/tests/tools/tempdir.c DEPENDS audit)
holdfast_test(test_audit_event SOURCES test_event.c DEPENDS audit)
holdfast_test(test_audit SOURCES test_audit.c ${CMAKE_SOURCE_DIR}/tests/tools/tempdir.c DEPENDS audit)
