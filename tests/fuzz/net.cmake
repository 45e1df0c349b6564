foreach(subject http1 http_query grpc_frame address proxy client_hello)
  holdfast_fuzz(${subject} SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_${subject}.c DEPENDS net)
endforeach()
