/// The memberships between roles, as a graph.
struct Memberships {
    /// The roles of which each role is a member, as indices into the list. Names that are not in the list, and the role itself, are left out.
    private let groups: [[Int]]

    /// - Parameter indices: the position of each name in the list.
    init(_ roles: [ApplianceSpec.Role], indices: [ByteName: Int]) {
        groups = roles.enumerated().map { own, role in
            role.memberOf.compactMap { name in indices[ByteName(name)].flatMap { $0 == own ? nil : $0 } }
        }
    }

    /// The first role of the list that is, through other roles, a member of itself. Each role and each membership is visited once (Tarjan's strongly
    /// connected components, without recursion: a chain of roles may be long).
    var firstInCircle: Int? {
        var order = [Int?](repeating: nil, count: groups.count)
        var low = order.map { _ in 0 }
        var isOpen = order.map { _ in false }
        var open: [Int] = []
        var next = 0
        var found: Int?
        for start in groups.indices where order[start] == nil {
            var path: [(role: Int, position: Int)] = [(start, 0)]
            while let (role, position) = path.last {
                if position == 0 {
                    (order[role], low[role]) = (next, next)
                    next += 1
                    open.append(role)
                    isOpen[role] = true
                }
                if position < groups[role].count {
                    path[path.count - 1].position += 1
                    let group = groups[role][position]
                    guard let seen = order[group] else {
                        path.append((group, 0))
                        continue
                    }
                    if isOpen[group] { low[role] = min(low[role], seen) }
                    continue
                }
                path.removeLast()
                if let above = path.last { low[above.role] = min(low[above.role], low[role]) }
                guard low[role] == order[role] else { continue }
                let first = open.lastIndex(of: role) ?? open.startIndex
                let component = open[first...]
                for member in component { isOpen[member] = false }
                if component.count > 1, let least = component.min() { found = min(found ?? least, least) }
                open.removeSubrange(first...)
            }
        }
        return found
    }
}
