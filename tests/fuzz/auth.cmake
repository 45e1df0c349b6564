foreach(subject auth_token auth_x509 auth_graph auth_rbac auth_jwt)
  holdfast_fuzz(${subject} SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_${subject}.c DEPENDS auth)
endforeach()
holdfast_fuzz(vault SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_vault.c DEPENDS auth)
