holdfast_test(test_outbox SOURCES test_outbox.c DEPENDS outbox tunnel cache base)
