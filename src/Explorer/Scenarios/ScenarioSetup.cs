using Livebed.Kvm.Mutants;
using Livebed.Kvm.Notifiers;

namespace Livebed.Explorer.Scenarios;

/// <summary>What a scenario is run with: a protocol (a preset, or one that <paramref name="CustomProtocol"/> makes), a mutant, and parameters by
/// name; those left out have their defaults.</summary>
public sealed record ScenarioSetup(
    string Protocol, Mutant Mutant = Mutant.None, Func<ProtocolContext, IInvalidationProtocol>? CustomProtocol = null)
{
    /// <summary>Where the custom protocol comes from, for replays.</summary>
    public string? ProtocolAssembly { get; init; }

    public IReadOnlyDictionary<string, int> Parameters { get; init; } = new Dictionary<string, int>();
}
