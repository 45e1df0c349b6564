foreach(subject tunnel_mux tunnel_message tunnel_session tunnel_source tunnel_outbox)
  holdfast_fuzz(${subject} SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_${subject}.c DEPENDS tunnel)
endforeach()
holdfast_fuzz(tunnel_sink SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_tunnel_sink.c
  ${CMAKE_SOURCE_DIR}/tests/tools/faultyvfs.c ${CMAKE_SOURCE_DIR}/tests/tools/faultydisk.c DEPENDS tunnel)
target_link_libraries(fuzz_tunnel_sink PRIVATE PkgConfig::sqlite3 Threads::Threads)
