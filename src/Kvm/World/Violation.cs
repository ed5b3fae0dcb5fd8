using Livebed.Kvm.Checks;

namespace Livebed.Kvm.World;

/// <summary>
/// A broken invariant, with enough to find the place: which invariant (an id of <see cref="InvariantCatalog"/>), what happened in one
/// sentence, the VM, the page in every address form that is known, and the operations involved. The world adds seed and command.
/// </summary>
public sealed record Violation(
    string Invariant,
    string Message,
    string? Vm = null,
    long? Gfn = null,
    long? Hva = null,
    int? Pfn = null,
    IReadOnlyList<OperationId>? Operations = null,
    IReadOnlyList<string>? Witness = null);
