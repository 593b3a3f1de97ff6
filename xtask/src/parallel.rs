//! Work side by side: with a bound, and with results in the order of the input.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// Calls `work` for each of `items`, at most `bound` of them at once, and gives
/// the results in the order of the items.
pub fn map<T: Sync, R: Send>(items: &[T], bound: usize, work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::with_capacity(items.len()));
    let worker = || {
        while let Some((index, item)) = take(items, &next) {
            let result = work(item);
            results
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push((index, result));
        }
    };
    match bound.min(items.len()) {
        0 => {}
        1 => worker(),
        threads => std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(worker);
            }
        }),
    }
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

fn take<'a, T>(items: &'a [T], next: &AtomicUsize) -> Option<(usize, &'a T)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    items.get(index).map(|item| (index, item))
}

/// Lets a bounded number in.
#[derive(Debug)]
pub struct Gate(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    free: Mutex<usize>,
    left: Condvar,
}

/// A place behind the gate, free again when dropped.
#[derive(Debug)]
pub struct Permit(Arc<Inner>);

impl Gate {
    /// A gate with that many places.
    pub fn new(places: usize) -> Self {
        Self(Arc::new(Inner {
            free: Mutex::new(places),
            left: Condvar::new(),
        }))
    }

    /// Waits for a place.
    pub fn enter(&self) -> Permit {
        let free = self.0.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free = self
            .0
            .left
            .wait_while(free, |free| *free == 0)
            .unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        Permit(Arc::clone(&self.0))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.left.notify_one();
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn results_keep_the_order_of_the_items() {
        let items: Vec<usize> = (0..100).collect();
        for bound in [1, 3, 200] {
            assert_eq!(
                super::map(&items, bound, |item| item * 2),
                (0..200).step_by(2).collect::<Vec<_>>()
            );
        }
        assert!(super::map(&[] as &[u8], 4, |_| ()).is_empty());
    }
}
