# Debian packages: holdfast-edge and holdfast-cloud, by "cpack -G DEB" (./dev package). What surrounds a binary is in cross/debian; manual
# pages, completion and configuration come from the binary's own tables, printed by HOLDFAST_DOCS (a directory of binaries that run
# here: when cross-building, the native ones).
set(HOLDFAST_DOCS "${CMAKE_RUNTIME_OUTPUT_DIRECTORY}" CACHE PATH "Binaries that print their own documents on this machine")
set(HOLDFAST_DEPENDS_edge "" CACHE STRING "Depends of holdfast-edge: what dpkg-shlibdeps says of the native binary")
set(HOLDFAST_DEPENDS_cloud "" CACHE STRING "Depends of holdfast-cloud")
set(HOLDFAST_MAINTAINER "The Holdfast authors <holdfast@localhost.localdomain>" CACHE STRING "Maintainer of the packages")
find_program(GZIP gzip REQUIRED)

function(holdfast_package side summary description section)
  set(program ${side}-hub)
  set(package holdfast-${side})
  set(made ${CMAKE_BINARY_DIR}/packaging/${side})
  set(from ${CMAKE_SOURCE_DIR}/cross/debian)
  set(tool ${HOLDFAST_DOCS}/${program})
  set(print sh ${from}/print)
  file(MAKE_DIRECTORY ${made})
  add_custom_command(OUTPUT ${made}/${program}.8.gz ${made}/${side}.yaml.5.gz ${made}/${program} ${made}/${side}.yaml ${made}/changelog.gz
    COMMAND ${print} ${tool} "print-manual page" ${made}/${program}.8.gz
    COMMAND ${print} ${tool} "print-manual config" ${made}/${side}.yaml.5.gz
    COMMAND ${print} ${tool} "print-manual completion" ${made}/${program}
    COMMAND ${print} ${tool} "print-config" ${made}/${side}.yaml
    COMMAND sh ${from}/changelog ${package} ${PROJECT_VERSION} ${HOLDFAST_BUILD_DATE_S} ${HOLDFAST_MAINTAINER} ${made}/changelog.gz
    DEPENDS ${program} ${from}/print ${from}/changelog VERBATIM)
  add_custom_target(package_${side}
    DEPENDS ${made}/${program}.8.gz ${made}/${side}.yaml.5.gz ${made}/${program} ${made}/${side}.yaml ${made}/changelog.gz)
  install(TARGETS ${program} RUNTIME DESTINATION bin COMPONENT ${side})
  install(FILES ${made}/${program}.8.gz DESTINATION share/man/man8 COMPONENT ${side})
  install(FILES ${made}/${side}.yaml.5.gz DESTINATION share/man/man5 COMPONENT ${side})
  install(FILES ${made}/${program} DESTINATION share/bash-completion/completions COMPONENT ${side})
  install(FILES ${made}/${side}.yaml DESTINATION /etc/holdfast COMPONENT ${side})
  install(FILES ${made}/changelog.gz DESTINATION share/doc/${package} COMPONENT ${side})
  install(FILES ${from}/${package}.lintian DESTINATION share/lintian/overrides RENAME ${package} COMPONENT ${side})
  install(FILES ${from}/copyright DESTINATION share/doc/${package} COMPONENT ${side})
  install(FILES ${from}/${package}.service DESTINATION lib/systemd/system COMPONENT ${side})
  install(FILES ${from}/${package}.tmpfiles DESTINATION lib/tmpfiles.d RENAME ${package}.conf COMPONENT ${side})
  if(EXISTS ${from}/${package}.sysusers)
    install(FILES ${from}/${package}.sysusers DESTINATION lib/sysusers.d RENAME ${package}.conf COMPONENT ${side})
  endif()
  foreach(script config postinst prerm postrm templates conffiles)
    configure_file(${from}/${side}.${script} ${made}/control/${script} COPYONLY)
  endforeach()
  string(TOUPPER ${side} up)
  set(CPACK_DEBIAN_${up}_PACKAGE_NAME ${package} PARENT_SCOPE)
  set(CPACK_DEBIAN_${up}_PACKAGE_SECTION ${section} PARENT_SCOPE)
  set(CPACK_COMPONENT_${up}_DESCRIPTION "${summary}\n${description}" PARENT_SCOPE)
  set(CPACK_DEBIAN_${up}_DESCRIPTION "${summary}\n${description}" PARENT_SCOPE)
  set(CPACK_DEBIAN_${up}_PACKAGE_CONTROL_EXTRA "${made}/control/config;${made}/control/postinst;${made}/control/prerm;${made}/control/postrm;${made}/control/templates;${made}/control/conffiles" PARENT_SCOPE)
  set(CPACK_DEBIAN_${up}_PACKAGE_CONTROL_STRICT_PERMISSION ON PARENT_SCOPE)
  set(CPACK_DEBIAN_${up}_FILE_NAME ${package}_${PROJECT_VERSION}_${HOLDFAST_PACKAGE_ARCH}.deb PARENT_SCOPE)
endfunction()

if(HOLDFAST_ARCH)
  set(HOLDFAST_PACKAGE_ARCH ${HOLDFAST_ARCH})
else()
  execute_process(COMMAND dpkg --print-architecture OUTPUT_VARIABLE HOLDFAST_PACKAGE_ARCH OUTPUT_STRIP_TRAILING_WHITESPACE)
endif()
set(CMAKE_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
holdfast_package(edge "edge autonomy runtime: the node's daemon"
  "edge-hub makes a machine a node of a Holdfast cluster. It keeps the desired\nstate of the node on its disk, runs its pods in containerd through\ndisconnections and reboots, and reports back when the cloud can be reached."
  admin)
holdfast_package(cloud "edge autonomy runtime: the central daemon"
  "cloud-hub serves the Kubernetes API of a Holdfast cluster from its own store\nand tunnels control traffic to the edge-hubs that dial in."
  admin)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME holdfast)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "${HOLDFAST_MAINTAINER}")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL edge cloud)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_PACKAGE_ARCHITECTURE ${HOLDFAST_PACKAGE_ARCH})
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_EDGE_PACKAGE_DEPENDS "${HOLDFAST_DEPENDS_edge}, debconf (>= 0.5) | debconf-2.0")
set(CPACK_DEBIAN_CLOUD_PACKAGE_DEPENDS "${HOLDFAST_DEPENDS_cloud}, debconf (>= 0.5) | debconf-2.0")
set(CPACK_DEBIAN_EDGE_PACKAGE_RECOMMENDS "containerd, containernetworking-plugins")
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_SOURCE_DIR}/build/packages)
include(CPack)
