use crate::deploy::goal::Goal;
use crate::deploy::world::{Controller, Pod};

use super::{Action, to_usize};

/// The next step of replacing pods in place: the controller is raised by a batch, and when all its new pods serve, it goes back and
/// as many of the pods to be replaced leave. Those that are not ready leave at once: nobody misses them.
///
/// Answers nothing when no pod is to be replaced; an empty list when something has to happen first.
pub(super) fn restart<'a>(goal: &Goal, controller: &'a Controller, wanted: u32) -> Option<Vec<Action<'a>>> {
    let (old, new): (Vec<&Pod>, Vec<&Pod>) = controller.pods.iter().partition(|pod| goal.restarting.contains(&pod.uid));
    // A controller that is to have fewer pods loses them first, and perhaps these among them.
    if old.is_empty() || controller.replicas < wanted || wanted == 0 {
        return None;
    }
    if controller.pods.len() > to_usize(controller.replicas) {
        // Pods of the batch before are still leaving.
        return Some(Vec::new());
    }
    let (ready, idle): (Vec<&Pod>, Vec<&Pod>) = old.into_iter().partition(|pod| pod.ready);
    if !idle.is_empty() {
        return Some(vec![Action::Replace(controller, idle)]);
    }
    let excess = controller.replicas.saturating_sub(wanted);
    if excess == 0 {
        let batch = goal.batch(wanted).min(u32::try_from(ready.len()).unwrap_or(u32::MAX));
        return Some(vec![Action::Grow(controller, wanted.saturating_add(batch))]);
    }
    // Kubernetes takes pods that are not ready first, whatever they cost: all new ones have to be there and serve.
    let is_complete = controller.pods.len() == to_usize(controller.replicas) && new.iter().all(|pod| pod.serves());
    if !is_complete {
        return Some(Vec::new());
    }
    let mut leaving = ready;
    leaving.sort_by_key(|pod| (!pod.draining, pod.reachable, &pod.name));
    leaving.truncate(to_usize(excess));
    let to = controller.replicas.saturating_sub(u32::try_from(leaving.len()).unwrap_or(u32::MAX));
    Some(vec![Action::Shrink(controller, to, leaving)])
}
