/* Fields of volumes and their sources. */
#include "api/kinds/schemas.h"

static const struct field core_aws_elastic_block_store_volume_source_fields[] = {
	FIELD("fsType", 2, STRING, SINGLE),
	FIELD("partition", 3, INT32, SINGLE),
	FIELD("readOnly", 4, BOOL, SINGLE),
	FIELD("volumeID", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_core_aws_elastic_block_store_volume_source =
	SCHEMA("io.k8s.api.core.v1.AWSElasticBlockStoreVolumeSource",
	       core_aws_elastic_block_store_volume_source_fields);

static const struct field core_azure_disk_volume_source_fields[] = {
	FIELD("cachingMode", 3, STRING, SINGLE, .default_json = "\"ReadWrite\"", .flags = FIELD_KEEP_ZERO),
	FIELD("diskName", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("diskURI", 2, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("fsType", 4, STRING, SINGLE, .default_json = "\"ext4\"", .flags = FIELD_KEEP_ZERO),
	FIELD("kind", 6, STRING, SINGLE, .default_json = "\"Shared\"", .flags = FIELD_KEEP_ZERO),
	FIELD("readOnly", 5, BOOL, SINGLE, .default_json = "false", .flags = FIELD_KEEP_ZERO),
};
const struct schema schema_core_azure_disk_volume_source =
	SCHEMA("io.k8s.api.core.v1.AzureDiskVolumeSource", core_azure_disk_volume_source_fields);

static const struct field core_azure_file_volume_source_fields[] = {
	FIELD("readOnly", 3, BOOL, SINGLE),
	FIELD("secretName", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("shareName", 2, STRING, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_core_azure_file_volume_source =
	SCHEMA("io.k8s.api.core.v1.AzureFileVolumeSource", core_azure_file_volume_source_fields);

static const struct field core_csi_volume_source_fields[] = {
	FIELD("driver", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("fsType", 3, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("nodePublishSecretRef", 5, MESSAGE, SINGLE, .schema = &schema_core_local_object_reference,
	      .flags = FIELD_APPLY_ATOMIC),
	FIELD("readOnly", 2, BOOL, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("volumeAttributes", 4, STRING, MAP),
};
const struct schema schema_core_csi_volume_source =
	SCHEMA("io.k8s.api.core.v1.CSIVolumeSource", core_csi_volume_source_fields);

static const struct field core_ceph_fs_volume_source_fields[] = {
	FIELD("monitors", 1, STRING, LIST, .flags = FIELD_REQUIRED),
	FIELD("path", 2, STRING, SINGLE),
	FIELD("readOnly", 6, BOOL, SINGLE),
	FIELD("secretFile", 4, STRING, SINGLE),
	FIELD("secretRef", 5, MESSAGE, SINGLE, .schema = &schema_core_local_object_reference,
	      .flags = FIELD_APPLY_ATOMIC),
	FIELD("user", 3, STRING, SINGLE),
};
const struct schema schema_core_ceph_fs_volume_source =
	SCHEMA("io.k8s.api.core.v1.CephFSVolumeSource", core_ceph_fs_volume_source_fields);

static const struct field core_cinder_volume_source_fields[] = {
	FIELD("fsType", 2, STRING, SINGLE),
	FIELD("readOnly", 3, BOOL, SINGLE),
	FIELD("secretRef", 4, MESSAGE, SINGLE, .schema = &schema_core_local_object_reference,
	      .flags = FIELD_APPLY_ATOMIC),
	FIELD("volumeID", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_core_cinder_volume_source =
	SCHEMA("io.k8s.api.core.v1.CinderVolumeSource", core_cinder_volume_source_fields);

static const struct field core_cluster_trust_bundle_projection_fields[] = {
	FIELD("labelSelector", 3, MESSAGE, SINGLE, .schema = &schema_meta_label_selector,
	      .flags = FIELD_APPLY_ATOMIC),
	FIELD("name", 1, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("optional", 5, BOOL, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("path", 4, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("signerName", 2, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
};
const struct schema schema_core_cluster_trust_bundle_projection =
	SCHEMA("io.k8s.api.core.v1.ClusterTrustBundleProjection",
	       core_cluster_trust_bundle_projection_fields);

static const struct field core_config_map_projection_fields[] = {
	FIELD("items", 2, MESSAGE, LIST, .schema = &schema_core_key_to_path),
	FIELD("optional", 4, BOOL, SINGLE, .flags = FIELD_KEEP_ZERO),
};
const struct schema schema_core_config_map_projection =
	SCHEMA_WITH("io.k8s.api.core.v1.ConfigMapProjection", core_config_map_projection_fields,
		    schema_core_local_object_reference, 1);

static const struct field core_config_map_volume_source_fields[] = {
	FIELD("defaultMode", 3, INT32, SINGLE, .default_json = "420", .flags = FIELD_KEEP_ZERO),
	FIELD("items", 2, MESSAGE, LIST, .schema = &schema_core_key_to_path),
	FIELD("optional", 4, BOOL, SINGLE, .flags = FIELD_KEEP_ZERO),
};
const struct schema schema_core_config_map_volume_source =
	SCHEMA_WITH("io.k8s.api.core.v1.ConfigMapVolumeSource", core_config_map_volume_source_fields,
		    schema_core_local_object_reference, 1);

static const struct field core_downward_api_projection_fields[] = {
	FIELD("items", 1, MESSAGE, LIST, .schema = &schema_core_downward_api_volume_file),
};
const struct schema schema_core_downward_api_projection =
	SCHEMA("io.k8s.api.core.v1.DownwardAPIProjection", core_downward_api_projection_fields);

static const struct field core_downward_api_volume_file_fields[] = {
	FIELD("fieldRef", 2, MESSAGE, SINGLE, .schema = &schema_core_object_field_selector,
	      .flags = FIELD_APPLY_ATOMIC),
	FIELD("mode", 4, INT32, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("path", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("resourceFieldRef", 3, MESSAGE, SINGLE, .schema = &schema_core_resource_field_selector,
	      .flags = FIELD_APPLY_ATOMIC),
};
const struct schema schema_core_downward_api_volume_file =
	SCHEMA("io.k8s.api.core.v1.DownwardAPIVolumeFile", core_downward_api_volume_file_fields);

static const struct field core_downward_api_volume_source_fields[] = {
	FIELD("defaultMode", 2, INT32, SINGLE, .default_json = "420", .flags = FIELD_KEEP_ZERO),
	FIELD("items", 1, MESSAGE, LIST, .schema = &schema_core_downward_api_volume_file),
};
const struct schema schema_core_downward_api_volume_source =
	SCHEMA("io.k8s.api.core.v1.DownwardAPIVolumeSource", core_downward_api_volume_source_fields);

static const struct field core_empty_dir_volume_source_fields[] = {
	FIELD("medium", 1, STRING, SINGLE),
	FIELD("sizeLimit", 2, QUANTITY, SINGLE),
};
const struct schema schema_core_empty_dir_volume_source =
	SCHEMA("io.k8s.api.core.v1.EmptyDirVolumeSource", core_empty_dir_volume_source_fields);

static const struct field core_ephemeral_volume_source_fields[] = {
	FIELD("volumeClaimTemplate", 1, MESSAGE, SINGLE,
	      .schema = &schema_core_persistent_volume_claim_template),
};
const struct schema schema_core_ephemeral_volume_source =
	SCHEMA("io.k8s.api.core.v1.EphemeralVolumeSource", core_ephemeral_volume_source_fields);

static const struct field core_fc_volume_source_fields[] = {
	FIELD("fsType", 3, STRING, SINGLE), FIELD("lun", 2, INT32, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("readOnly", 4, BOOL, SINGLE), FIELD("targetWWNs", 1, STRING, LIST),
	FIELD("wwids", 5, STRING, LIST),
};
const struct schema schema_core_fc_volume_source =
	SCHEMA("io.k8s.api.core.v1.FCVolumeSource", core_fc_volume_source_fields);

static const struct field core_flex_volume_source_fields[] = {
	FIELD("driver", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("fsType", 2, STRING, SINGLE),
	FIELD("options", 5, STRING, MAP),
	FIELD("readOnly", 4, BOOL, SINGLE),
	FIELD("secretRef", 3, MESSAGE, SINGLE, .schema = &schema_core_local_object_reference,
	      .flags = FIELD_APPLY_ATOMIC),
};
const struct schema schema_core_flex_volume_source =
	SCHEMA("io.k8s.api.core.v1.FlexVolumeSource", core_flex_volume_source_fields);

static const struct field core_flocker_volume_source_fields[] = {
	FIELD("datasetName", 1, STRING, SINGLE),
	FIELD("datasetUUID", 2, STRING, SINGLE),
};
const struct schema schema_core_flocker_volume_source =
	SCHEMA("io.k8s.api.core.v1.FlockerVolumeSource", core_flocker_volume_source_fields);

static const struct field core_gce_persistent_disk_volume_source_fields[] = {
	FIELD("fsType", 2, STRING, SINGLE),
	FIELD("partition", 3, INT32, SINGLE),
	FIELD("pdName", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("readOnly", 4, BOOL, SINGLE),
};
const struct schema schema_core_gce_persistent_disk_volume_source =
	SCHEMA("io.k8s.api.core.v1.GCEPersistentDiskVolumeSource",
	       core_gce_persistent_disk_volume_source_fields);

static const struct field core_git_repo_volume_source_fields[] = {
	FIELD("directory", 3, STRING, SINGLE),
	FIELD("repository", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("revision", 2, STRING, SINGLE),
};
const struct schema schema_core_git_repo_volume_source =
	SCHEMA("io.k8s.api.core.v1.GitRepoVolumeSource", core_git_repo_volume_source_fields);

static const struct field core_glusterfs_volume_source_fields[] = {
	FIELD("endpoints", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("path", 2, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("readOnly", 3, BOOL, SINGLE),
};
const struct schema schema_core_glusterfs_volume_source =
	SCHEMA("io.k8s.api.core.v1.GlusterfsVolumeSource", core_glusterfs_volume_source_fields);

static const struct field core_host_path_volume_source_fields[] = {
	FIELD("path", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("type", 2, STRING, SINGLE, .default_json = "\"\"", .flags = FIELD_KEEP_ZERO),
};
const struct schema schema_core_host_path_volume_source =
	SCHEMA("io.k8s.api.core.v1.HostPathVolumeSource", core_host_path_volume_source_fields);

static const struct field core_iscsi_volume_source_fields[] = {
	FIELD("chapAuthDiscovery", 8, BOOL, SINGLE),
	FIELD("chapAuthSession", 11, BOOL, SINGLE),
	FIELD("fsType", 5, STRING, SINGLE),
	FIELD("initiatorName", 12, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("iqn", 2, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("iscsiInterface", 4, STRING, SINGLE, .default_json = "\"default\""),
	FIELD("lun", 3, INT32, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("portals", 7, STRING, LIST),
	FIELD("readOnly", 6, BOOL, SINGLE),
	FIELD("secretRef", 10, MESSAGE, SINGLE, .schema = &schema_core_local_object_reference,
	      .flags = FIELD_APPLY_ATOMIC),
	FIELD("targetPortal", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_core_iscsi_volume_source =
	SCHEMA("io.k8s.api.core.v1.ISCSIVolumeSource", core_iscsi_volume_source_fields);

static const struct field core_image_volume_source_fields[] = {
	FIELD("pullPolicy", 2, STRING, SINGLE),
	FIELD("reference", 1, STRING, SINGLE),
};
const struct schema schema_core_image_volume_source =
	SCHEMA("io.k8s.api.core.v1.ImageVolumeSource", core_image_volume_source_fields);

static const struct field core_nfs_volume_source_fields[] = {
	FIELD("path", 2, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("readOnly", 3, BOOL, SINGLE),
	FIELD("server", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_core_nfs_volume_source =
	SCHEMA("io.k8s.api.core.v1.NFSVolumeSource", core_nfs_volume_source_fields);

static const struct field core_persistent_volume_claim_spec_fields[] = {
	FIELD("accessModes", 1, STRING, LIST),
	FIELD("dataSource", 7, MESSAGE, SINGLE, .schema = &schema_core_typed_local_object_reference,
	      .flags = FIELD_APPLY_ATOMIC),
	FIELD("dataSourceRef", 8, MESSAGE, SINGLE, .schema = &schema_core_typed_object_reference),
	FIELD("resources", 2, MESSAGE, SINGLE, .schema = &schema_core_volume_resource_requirements),
	FIELD("selector", 4, MESSAGE, SINGLE, .schema = &schema_meta_label_selector,
	      .flags = FIELD_APPLY_ATOMIC),
	FIELD("storageClassName", 5, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("volumeAttributesClassName", 9, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("volumeMode", 6, STRING, SINGLE, .default_json = "\"Filesystem\"", .flags = FIELD_KEEP_ZERO),
	FIELD("volumeName", 3, STRING, SINGLE),
};
const struct schema schema_core_persistent_volume_claim_spec =
	SCHEMA("io.k8s.api.core.v1.PersistentVolumeClaimSpec", core_persistent_volume_claim_spec_fields);

static const struct field core_persistent_volume_claim_template_fields[] = {
	FIELD("metadata", 1, MESSAGE, SINGLE, .schema = &schema_meta_object_meta),
	FIELD("spec", 2, MESSAGE, SINGLE, .schema = &schema_core_persistent_volume_claim_spec,
	      .flags = FIELD_REQUIRED),
};
const struct schema schema_core_persistent_volume_claim_template =
	SCHEMA("io.k8s.api.core.v1.PersistentVolumeClaimTemplate",
	       core_persistent_volume_claim_template_fields);

static const struct field core_persistent_volume_claim_volume_source_fields[] = {
	FIELD("claimName", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("readOnly", 2, BOOL, SINGLE),
};
const struct schema schema_core_persistent_volume_claim_volume_source =
	SCHEMA("io.k8s.api.core.v1.PersistentVolumeClaimVolumeSource",
	       core_persistent_volume_claim_volume_source_fields);

static const struct field core_photon_persistent_disk_volume_source_fields[] = {
	FIELD("fsType", 2, STRING, SINGLE),
	FIELD("pdID", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_core_photon_persistent_disk_volume_source =
	SCHEMA("io.k8s.api.core.v1.PhotonPersistentDiskVolumeSource",
	       core_photon_persistent_disk_volume_source_fields);

static const struct field core_portworx_volume_source_fields[] = {
	FIELD("fsType", 2, STRING, SINGLE),
	FIELD("readOnly", 3, BOOL, SINGLE),
	FIELD("volumeID", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_core_portworx_volume_source =
	SCHEMA("io.k8s.api.core.v1.PortworxVolumeSource", core_portworx_volume_source_fields);

static const struct field core_projected_volume_source_fields[] = {
	FIELD("defaultMode", 2, INT32, SINGLE, .default_json = "420", .flags = FIELD_KEEP_ZERO),
	FIELD("sources", 1, MESSAGE, LIST, .schema = &schema_core_volume_projection),
};
const struct schema schema_core_projected_volume_source =
	SCHEMA("io.k8s.api.core.v1.ProjectedVolumeSource", core_projected_volume_source_fields);

static const struct field core_quobyte_volume_source_fields[] = {
	FIELD("group", 5, STRING, SINGLE),
	FIELD("readOnly", 3, BOOL, SINGLE),
	FIELD("registry", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("tenant", 6, STRING, SINGLE),
	FIELD("user", 4, STRING, SINGLE),
	FIELD("volume", 2, STRING, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_core_quobyte_volume_source =
	SCHEMA("io.k8s.api.core.v1.QuobyteVolumeSource", core_quobyte_volume_source_fields);

static const struct field core_rbd_volume_source_fields[] = {
	FIELD("fsType", 3, STRING, SINGLE),
	FIELD("image", 2, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("keyring", 6, STRING, SINGLE, .default_json = "\"/etc/ceph/keyring\""),
	FIELD("monitors", 1, STRING, LIST, .flags = FIELD_REQUIRED),
	FIELD("pool", 4, STRING, SINGLE, .default_json = "\"rbd\""),
	FIELD("readOnly", 8, BOOL, SINGLE),
	FIELD("secretRef", 7, MESSAGE, SINGLE, .schema = &schema_core_local_object_reference,
	      .flags = FIELD_APPLY_ATOMIC),
	FIELD("user", 5, STRING, SINGLE, .default_json = "\"admin\""),
};
const struct schema schema_core_rbd_volume_source =
	SCHEMA("io.k8s.api.core.v1.RBDVolumeSource", core_rbd_volume_source_fields);

static const struct field core_scale_io_volume_source_fields[] = {
	FIELD("fsType", 9, STRING, SINGLE, .default_json = "\"xfs\""),
	FIELD("gateway", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("protectionDomain", 5, STRING, SINGLE),
	FIELD("readOnly", 10, BOOL, SINGLE),
	FIELD("secretRef", 3, MESSAGE, SINGLE, .schema = &schema_core_local_object_reference,
	      .flags = FIELD_REQUIRED | FIELD_APPLY_ATOMIC),
	FIELD("sslEnabled", 4, BOOL, SINGLE),
	FIELD("storageMode", 7, STRING, SINGLE, .default_json = "\"ThinProvisioned\""),
	FIELD("storagePool", 6, STRING, SINGLE),
	FIELD("system", 2, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("volumeName", 8, STRING, SINGLE),
};
const struct schema schema_core_scale_io_volume_source =
	SCHEMA("io.k8s.api.core.v1.ScaleIOVolumeSource", core_scale_io_volume_source_fields);

static const struct field core_secret_projection_fields[] = {
	FIELD("items", 2, MESSAGE, LIST, .schema = &schema_core_key_to_path),
	FIELD("optional", 4, BOOL, SINGLE, .flags = FIELD_KEEP_ZERO),
};
const struct schema schema_core_secret_projection =
	SCHEMA_WITH("io.k8s.api.core.v1.SecretProjection", core_secret_projection_fields,
		    schema_core_local_object_reference, 1);

static const struct field core_secret_volume_source_fields[] = {
	FIELD("defaultMode", 3, INT32, SINGLE, .default_json = "420", .flags = FIELD_KEEP_ZERO),
	FIELD("items", 2, MESSAGE, LIST, .schema = &schema_core_key_to_path),
	FIELD("optional", 4, BOOL, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("secretName", 1, STRING, SINGLE),
};
const struct schema schema_core_secret_volume_source =
	SCHEMA("io.k8s.api.core.v1.SecretVolumeSource", core_secret_volume_source_fields);

static const struct field core_service_account_token_projection_fields[] = {
	FIELD("audience", 1, STRING, SINGLE),
	FIELD("expirationSeconds", 2, INT64, SINGLE, .default_json = "3600", .flags = FIELD_KEEP_ZERO),
	FIELD("path", 3, STRING, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_core_service_account_token_projection =
	SCHEMA("io.k8s.api.core.v1.ServiceAccountTokenProjection",
	       core_service_account_token_projection_fields);

static const struct field core_storage_os_volume_source_fields[] = {
	FIELD("fsType", 3, STRING, SINGLE),
	FIELD("readOnly", 4, BOOL, SINGLE),
	FIELD("secretRef", 5, MESSAGE, SINGLE, .schema = &schema_core_local_object_reference,
	      .flags = FIELD_APPLY_ATOMIC),
	FIELD("volumeName", 1, STRING, SINGLE),
	FIELD("volumeNamespace", 2, STRING, SINGLE),
};
const struct schema schema_core_storage_os_volume_source =
	SCHEMA("io.k8s.api.core.v1.StorageOSVolumeSource", core_storage_os_volume_source_fields);

static const struct field core_volume_fields[] = {
	FIELD("name", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_core_volume =
	SCHEMA_WITH("io.k8s.api.core.v1.Volume", core_volume_fields, schema_core_volume_source, 2);

static const struct field core_volume_projection_fields[] = {
	FIELD("clusterTrustBundle", 5, MESSAGE, SINGLE,
	      .schema = &schema_core_cluster_trust_bundle_projection),
	FIELD("configMap", 3, MESSAGE, SINGLE, .schema = &schema_core_config_map_projection),
	FIELD("downwardAPI", 2, MESSAGE, SINGLE, .schema = &schema_core_downward_api_projection),
	FIELD("secret", 1, MESSAGE, SINGLE, .schema = &schema_core_secret_projection),
	FIELD("serviceAccountToken", 4, MESSAGE, SINGLE,
	      .schema = &schema_core_service_account_token_projection),
};
const struct schema schema_core_volume_projection =
	SCHEMA("io.k8s.api.core.v1.VolumeProjection", core_volume_projection_fields);

static const struct field core_volume_resource_requirements_fields[] = {
	FIELD("limits", 1, QUANTITY, MAP),
	FIELD("requests", 2, QUANTITY, MAP),
};
const struct schema schema_core_volume_resource_requirements =
	SCHEMA("io.k8s.api.core.v1.VolumeResourceRequirements", core_volume_resource_requirements_fields);

static const struct field core_volume_source_fields[] = {
	FIELD("awsElasticBlockStore", 4, MESSAGE, SINGLE,
	      .schema = &schema_core_aws_elastic_block_store_volume_source),
	FIELD("azureDisk", 22, MESSAGE, SINGLE, .schema = &schema_core_azure_disk_volume_source),
	FIELD("azureFile", 18, MESSAGE, SINGLE, .schema = &schema_core_azure_file_volume_source),
	FIELD("cephfs", 14, MESSAGE, SINGLE, .schema = &schema_core_ceph_fs_volume_source),
	FIELD("cinder", 13, MESSAGE, SINGLE, .schema = &schema_core_cinder_volume_source),
	FIELD("configMap", 19, MESSAGE, SINGLE, .schema = &schema_core_config_map_volume_source),
	FIELD("csi", 28, MESSAGE, SINGLE, .schema = &schema_core_csi_volume_source),
	FIELD("downwardAPI", 16, MESSAGE, SINGLE, .schema = &schema_core_downward_api_volume_source),
	FIELD("emptyDir", 2, MESSAGE, SINGLE, .schema = &schema_core_empty_dir_volume_source),
	FIELD("ephemeral", 29, MESSAGE, SINGLE, .schema = &schema_core_ephemeral_volume_source),
	FIELD("fc", 17, MESSAGE, SINGLE, .schema = &schema_core_fc_volume_source),
	FIELD("flexVolume", 12, MESSAGE, SINGLE, .schema = &schema_core_flex_volume_source),
	FIELD("flocker", 15, MESSAGE, SINGLE, .schema = &schema_core_flocker_volume_source),
	FIELD("gcePersistentDisk", 3, MESSAGE, SINGLE,
	      .schema = &schema_core_gce_persistent_disk_volume_source),
	FIELD("gitRepo", 5, MESSAGE, SINGLE, .schema = &schema_core_git_repo_volume_source),
	FIELD("glusterfs", 9, MESSAGE, SINGLE, .schema = &schema_core_glusterfs_volume_source),
	FIELD("hostPath", 1, MESSAGE, SINGLE, .schema = &schema_core_host_path_volume_source),
	FIELD("image", 30, MESSAGE, SINGLE, .schema = &schema_core_image_volume_source),
	FIELD("iscsi", 8, MESSAGE, SINGLE, .schema = &schema_core_iscsi_volume_source),
	FIELD("nfs", 7, MESSAGE, SINGLE, .schema = &schema_core_nfs_volume_source),
	FIELD("persistentVolumeClaim", 10, MESSAGE, SINGLE,
	      .schema = &schema_core_persistent_volume_claim_volume_source),
	FIELD("photonPersistentDisk", 23, MESSAGE, SINGLE,
	      .schema = &schema_core_photon_persistent_disk_volume_source),
	FIELD("portworxVolume", 24, MESSAGE, SINGLE, .schema = &schema_core_portworx_volume_source),
	FIELD("projected", 26, MESSAGE, SINGLE, .schema = &schema_core_projected_volume_source),
	FIELD("quobyte", 21, MESSAGE, SINGLE, .schema = &schema_core_quobyte_volume_source),
	FIELD("rbd", 11, MESSAGE, SINGLE, .schema = &schema_core_rbd_volume_source),
	FIELD("scaleIO", 25, MESSAGE, SINGLE, .schema = &schema_core_scale_io_volume_source),
	FIELD("secret", 6, MESSAGE, SINGLE, .schema = &schema_core_secret_volume_source),
	FIELD("storageos", 27, MESSAGE, SINGLE, .schema = &schema_core_storage_os_volume_source),
	FIELD("vsphereVolume", 20, MESSAGE, SINGLE,
	      .schema = &schema_core_vsphere_virtual_disk_volume_source),
};
const struct schema schema_core_volume_source =
	SCHEMA("io.k8s.api.core.v1.VolumeSource", core_volume_source_fields);

static const struct field core_vsphere_virtual_disk_volume_source_fields[] = {
	FIELD("fsType", 2, STRING, SINGLE),
	FIELD("storagePolicyID", 4, STRING, SINGLE),
	FIELD("storagePolicyName", 3, STRING, SINGLE),
	FIELD("volumePath", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_core_vsphere_virtual_disk_volume_source =
	SCHEMA("io.k8s.api.core.v1.VsphereVirtualDiskVolumeSource",
	       core_vsphere_virtual_disk_volume_source_fields);
