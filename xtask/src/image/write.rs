//! The configuration and the manifest of an image
//! (image specification, "Image Configuration" and "Image Manifest").

use std::collections::BTreeMap;
use std::time::SystemTime;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::layer::Layer;
use super::platform::Platform;
use super::root_file_system::{BINARY, CERTIFICATES, USER};
use crate::oci::{Descriptor, Digest, Manifest, MediaType, annotation};
use crate::registry::Layout;
use crate::workspace::{Service, Source, Workspace};

const CONFIGURATION: &str = "application/vnd.oci.image.config.v1+json";

/// What goes into an image besides its files.
pub(super) struct Recipe<'a> {
    pub(super) service: &'a Service,
    source: &'a Source,
    platform: Platform,
    labels: BTreeMap<&'static str, String>,
}

impl<'a> Recipe<'a> {
    pub(super) fn new(
        workspace: &Workspace,
        service: &'a Service,
        source: &'a Source,
        platform: Platform,
    ) -> Self {
        let mut labels = BTreeMap::from([
            (annotation::REVISION, source.revision()),
            (annotation::VERSION, service.version.clone()),
            (annotation::CREATED, source.created()),
        ]);
        if let Some(url) = &workspace.repository_url {
            labels.insert(annotation::SOURCE, url.clone());
        }
        Self {
            service,
            source,
            platform,
            labels,
        }
    }

    /// The time of everything in the image: the commit's.
    pub(super) fn time(&self) -> SystemTime {
        self.source.time
    }

    /// The labels, which are the manifest's annotations as well.
    pub(super) fn labels(&self) -> &BTreeMap<&'static str, String> {
        &self.labels
    }

    /// The variables that the service finds in its container.
    pub(super) fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("PORT", self.service.port.to_string()),
            ("SOURCE_COMMIT", self.source.revision()),
            ("SSL_CERT_FILE", format!("/{CERTIFICATES}")),
        ]
    }

    /// Writes an image of one layer, whose tar has the digest `diff_id`.
    pub(super) fn write(&self, layout: &Layout, layer: Layer, diff_id: Digest) -> Result<Manifest> {
        let configuration = serde_json::to_vec(&self.configuration(diff_id))?;
        self.write_manifest(layout, &configuration, [Ok(layer)])
    }

    /// Writes an image with a configuration that is there already. Each layer is stored
    /// before the next one is made: only one is in memory.
    pub(super) fn write_manifest(
        &self,
        layout: &Layout,
        configuration: &[u8],
        layers: impl IntoIterator<Item = Result<Layer>>,
    ) -> Result<Manifest> {
        let configuration = layout.store(CONFIGURATION, configuration)?;
        let layers = layers.into_iter().map(|layer| {
            let layer = layer?;
            layout.store(layer.media_type, &layer.bytes)
        });
        let layers: Vec<Descriptor> = layers.collect::<Result<_>>()?;
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MediaType::OciManifest.name(),
            "config": configuration,
            "layers": layers,
            "annotations": self.labels,
        });
        Manifest::parse(serde_json::to_vec(&manifest)?, None)
            .context("reading the manifest that was just written")
    }

    fn configuration(&self, diff_id: Digest) -> Value {
        let environment = self
            .environment()
            .into_iter()
            .map(|(name, value)| format!("{name}={value}"));
        let port = format!("{}/tcp", self.service.port);
        json!({
            "created": self.source.created(),
            "architecture": self.platform.architecture,
            "os": "linux",
            "config": {
                "User": format!("{USER}:{USER}"),
                "ExposedPorts": { port: {} },
                "Env": environment.collect::<Vec<_>>(),
                "Entrypoint": [format!("/{BINARY}")],
                "WorkingDir": "/",
                "Labels": self.labels,
            },
            "rootfs": { "type": "layers", "diff_ids": [diff_id] },
            "history": [{ "created": self.source.created(), "created_by": "cargo xtask build" }],
        })
    }
}
