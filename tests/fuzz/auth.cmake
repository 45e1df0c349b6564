foreach(subject auth_token auth_x509 auth_graph auth_rbac)
  holdfast_fuzz(${subject} SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_${subject}.c DEPENDS auth)
endforeach()
