foreach(subject kind_protobuf schema_check quantity label_selector field_selector)
  holdfast_fuzz(${subject} SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_${subject}.c DEPENDS kinds)
endforeach()
