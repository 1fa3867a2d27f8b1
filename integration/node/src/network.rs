//! The node's addresses, and the one link between it and the machine.
//!
//! Everything the node sends goes over a pair of virtual interfaces that ends on this machine. Neither end has a default
//! route, so nothing can leave. When the node's network namespace ends, the kernel takes the pair and its routes with it.

use anyhow::{Context, Result, bail};

use crate::exec;

/// The machine's end of the link. A name, not derived from the folder: two nodes would share addresses, so the second
/// must be refused, and the kernel refuses a second link of the same name.
pub const HOST_LINK: &str = "deis-host";
/// The machine's address, as seen by the node.
pub const HOST_ADDRESS: &str = "198.18.0.1";
/// The node's address: API server, kubelet, cluster DNS, node ports.
pub const NODE_ADDRESS: &str = "198.18.0.2";
/// Spare addresses for Services of type LoadBalancer: `198.18.1.1` to `198.18.1.254`.
pub const LOAD_BALANCER_RANGE: &str = "198.18.1.0/24";
/// Addresses of pods; the node's own slice, `10.244.0.0/24`, stands in `config/cni.conflist`.
pub const POD_RANGE: &str = "10.244.0.0/16";
/// Addresses of Services.
pub const SERVICE_RANGE: &str = "10.96.0.0/16";
/// The Service address of the API server: the first of [`SERVICE_RANGE`].
pub const API_SERVICE_ADDRESS: &str = "10.96.0.1";

const NODE_LINK: &str = "deis-up";

/// Commands for `ip -batch`, the machine's side. `process` is any process in the node's network namespace.
fn host_side(process: u32, owner: &str) -> String {
    format!(
        "link add {HOST_LINK} type veth peer name {NODE_LINK} netns {process}\n\
         link set {HOST_LINK} alias \"{owner}\"\n\
         addr add {HOST_ADDRESS}/30 dev {HOST_LINK}\n\
         link set {HOST_LINK} up\n\
         route add {LOAD_BALANCER_RANGE} via {NODE_ADDRESS} dev {HOST_LINK}\n"
    )
}

/// Commands for `ip -batch`, the node's side. Service addresses need a route, or their packets never reach the address
/// translation; an empty bridge swallows what no Service answers.
fn node_side() -> String {
    format!(
        "link set lo up\n\
         addr add {NODE_ADDRESS}/30 dev {NODE_LINK}\n\
         link set {NODE_LINK} up\n\
         link add deis-svc type bridge\n\
         link set deis-svc up\n\
         route add {SERVICE_RANGE} dev deis-svc src {NODE_ADDRESS}\n\
         route add {LOAD_BALANCER_RANGE} dev deis-svc src {NODE_ADDRESS}\n"
    )
}

/// Joins the namespace of `process` to the machine.
///
/// # Errors
/// When a link of that name exists: another node runs.
pub async fn connect(process: u32, owner: &str) -> Result<()> {
    if let Some(other) = owner_of_link().await? {
        bail!("the link {HOST_LINK} exists: another test node runs on this machine, from the folder {other}");
    }
    exec::feed("ip", &["-batch", "-"], &host_side(process, owner)).context("making the link to the node")?;
    let network = format!("--net=/proc/{process}/ns/net");
    exec::feed("nsenter", &[&network, "ip", "-batch", "-"], &node_side()).context("the node's side of the link")?;
    // Forwarding is what a node does; local routing lets containerd pull from a host port on 127.0.0.1.
    let settings = ["net.ipv4.ip_forward=1", "net.ipv4.conf.all.route_localnet=1"];
    exec::run("nsenter", &[&[network.as_str(), "sysctl", "-qw"], settings.as_slice()].concat()).await
}

/// Removes the link, which the kernel would do too, but some time after the last process. Returns whether the name is
/// free: false says that another node holds it.
pub async fn disconnect(owner: &str) -> Result<bool> {
    match owner_of_link().await? {
        Some(found) if found == owner => {
            let removed = exec::run("ip", &["link", "del", HOST_LINK]).await;
            // The kernel may have been faster.
            if removed.is_err() && owner_of_link().await?.is_none() { Ok(true) } else { removed.map(|()| true) }
        }
        Some(_) => Ok(false),
        None => Ok(true),
    }
}

/// The folder of the node that the link belongs to, if there is one.
async fn owner_of_link() -> Result<Option<String>> {
    let links = exec::output("ip", &["-json", "link", "show"]).await?;
    let links: Vec<serde_json::Value> = serde_json::from_str(&links).context("reading `ip -json link`")?;
    let found = links.iter().find(|link| link.get("ifname").and_then(|name| name.as_str()) == Some(HOST_LINK));
    Ok(found.map(|link| link.get("ifalias").and_then(|alias| alias.as_str()).unwrap_or("(unknown)").to_owned()))
}
