//! Orders: what must come before what, and the circles that forbid it.

/// An order in which every node comes behind what it needs, lower numbers first where there is a choice, and every
/// circle found on the way (its nodes in order, the first one needed by the last).
pub(super) struct Order {
    pub(super) nodes: Vec<usize>,
    pub(super) circles: Vec<Vec<usize>>,
}

/// Sorts the nodes `0..needs.len()`; `needs[n]` are the nodes that `n` stands on. Walks without recursion.
pub(super) fn sort(needs: &[Vec<usize>]) -> Order {
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        New,
        Open,
        Done,
    }
    let mut state = vec![State::New; needs.len()];
    let mut order = Order { nodes: Vec::with_capacity(needs.len()), circles: Vec::new() };
    for root in 0..needs.len() {
        if state.get(root) != Some(&State::New) {
            continue;
        }
        let mut stack = vec![(root, 0)];
        set(&mut state, root, State::Open);
        while let Some((node, next)) = stack.last_mut() {
            let node = *node;
            let Some(&child) = needs.get(node).and_then(|c| c.get(*next)) else {
                set(&mut state, node, State::Done);
                order.nodes.push(node);
                stack.pop();
                continue;
            };
            *next += 1;
            match state.get(child) {
                Some(State::New) => {
                    set(&mut state, child, State::Open);
                    stack.push((child, 0));
                }
                Some(State::Open) => {
                    let from = stack.iter().position(|(n, _)| *n == child).unwrap_or(0);
                    order.circles.push(stack.iter().skip(from).map(|(n, _)| *n).collect());
                }
                Some(State::Done) | None => {}
            }
        }
    }
    return order;

    fn set(state: &mut [State], node: usize, to: State) {
        if let Some(slot) = state.get_mut(node) {
            *slot = to;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::sort;

    #[test]
    fn text_order_where_nothing_forbids_it() {
        assert_eq!(sort(&[vec![], vec![0], vec![]]).nodes, [0, 1, 2]);
        assert_eq!(sort(&[vec![2], vec![], vec![]]).nodes, [2, 0, 1]);
    }

    #[test]
    fn circles_are_found_once() {
        let order = sort(&[vec![1], vec![2], vec![0], vec![3]]);
        assert_eq!(order.circles, [vec![0, 1, 2], vec![3]]);
        assert_eq!(order.nodes.len(), 4);
    }

    #[test]
    fn long_chains_do_not_recurse() {
        let needs: Vec<_> = (0..200_000).map(|n| if n < 199_999 { vec![n + 1] } else { vec![] }).collect();
        assert_eq!(sort(&needs).nodes.first(), Some(&199_999));
    }
}
