/// Has each of them take its turn, so many times over. There and back again: of two rounds the second one is in the opposite order, so
/// that what the machine does meanwhile happens to all of them.
pub(crate) fn in_turn<T>(rounds: usize, all: &mut [T], turn: impl Fn(&mut T)) {
    for round in 0..rounds {
        let mut turns = all.iter_mut().collect::<Vec<_>>();
        if round % 2 == 1 {
            turns.reverse();
        }
        turns.into_iter().for_each(&turn);
    }
}
