holdfast_test(test_outbox SOURCES test_outbox.c ${CMAKE_SOURCE_DIR}/tests/tools/tempdir.c DEPENDS outbox tunnel cache base)
