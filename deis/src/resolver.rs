//! Names to addresses, as the HTTP client finds them. The C library has a say in neither: a program that is linked statically must not
//! load the modules that `/etc/nsswitch.conf` names, and crashes where one was built for another library.

use std::io;
use std::net::IpAddr;

use hickory_resolver::TokioResolver;

/// All addresses of a name, in the order in which they are to be tried; never none.
pub async fn addresses(host: &str) -> io::Result<Vec<IpAddr>> {
    let resolver = TokioResolver::builder_tokio().and_then(|builder| builder.build()).map_err(io::Error::other)?;
    let found = resolver.lookup_ip(host).await.map_err(io::Error::other)?;
    Ok(found.iter().collect())
}
