using Livebed.Kvm.Checks;

namespace Livebed.Driver.Results;

/// <summary>A broken invariant; see <see cref="Violation"/>. Seed and command that repeat it stand at the top of results.json.</summary>
public sealed record ViolationResult(
    string Invariant, string Message, string? Silo, string? Vm, long? Gfn, long? Hva, int? Pfn,
    IReadOnlyList<string> Operations, IReadOnlyList<string> Witness)
{
    public static ViolationResult From(Violation violation, string? silo = null) => new(
        violation.Invariant, violation.Message, silo, violation.Vm, violation.Gfn, violation.Hva, violation.Pfn,
        [.. (violation.Operations ?? []).Select(id => id.ToString())], violation.Witness ?? []);
}
