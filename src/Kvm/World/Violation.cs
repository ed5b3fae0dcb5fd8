using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;

namespace Livebed.Kvm.World;

/// <summary>
/// A broken invariant, an id of <see cref="InvariantCatalog"/>, with enough to find the place. That is what happened in one sentence, the
/// VM, the page in every address form that is known, and the operations involved. The world adds seed and command.
/// </summary>
public sealed record Violation(
    string Invariant,
    string Message,
    string? Vm = null,
    Gfn? Gfn = null,
    Hva? Hva = null,
    Pfn? Pfn = null,
    IReadOnlyList<OperationId>? Operations = null,
    IReadOnlyList<string>? Witness = null);
