internal import MachineBackend
internal import Workflow

extension StepExplanation {
    init(_ words: WorkWords) { self.init(what: words.what, why: words.why, byHand: words.byHand) }
}
