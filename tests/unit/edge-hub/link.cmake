holdfast_test(test_renewal SOURCES test_renewal.c DEPENDS link)
holdfast_test(test_session_secret SOURCES test_session_secret.c ${CMAKE_SOURCE_DIR}/tests/tools/tempdir.c DEPENDS link)
holdfast_test(test_leaving SOURCES test_leaving.c ${CMAKE_SOURCE_DIR}/edge-hub/leaving.c DEPENDS base)
