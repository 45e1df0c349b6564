holdfast_test(test_outbox SOURCES test_outbox.c ${CMAKE_SOURCE_DIR}/tests/tools/tempdir.c DEPENDS outbox tunnel cache base)
holdfast_test(test_restamp SOURCES test_restamp.c DEPENDS outbox base)
