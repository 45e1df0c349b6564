holdfast_test(test_registry SOURCES test_registry.c ${CMAKE_SOURCE_DIR}/tests/tools/tempdir.c DEPENDS gateway)
holdfast_test(test_gateway_tickets SOURCES test_tickets.c ${CMAKE_SOURCE_DIR}/tests/tools/tempdir.c DEPENDS gateway auth net base)
