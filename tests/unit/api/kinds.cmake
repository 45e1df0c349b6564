foreach(subject kind openapi problems quantity schema selector table validate)
  holdfast_test(test_${subject} SOURCES test_${subject}.c DEPENDS kinds)
endforeach()
holdfast_test(test_schema_protobuf SOURCES test_schema_protobuf.c DEPENDS kinds)
target_compile_definitions(test_schema_protobuf PRIVATE
  TEST_BODIES="${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/kind_protobuf"
  TEST_JSON="${CMAKE_CURRENT_SOURCE_DIR}/bodies")
holdfast_test(test_kind_faults SOURCES test_kind_faults.c DEPENDS kinds FAULTS)
target_compile_definitions(test_kind_faults PRIVATE TEST_BODIES="${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/kind_protobuf")
