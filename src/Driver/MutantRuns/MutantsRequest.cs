using Livebed.Kvm.Mutants;

namespace Livebed.Driver.MutantRuns;

/// <summary>What `mutants` was asked for, checked.</summary>
internal sealed record MutantsRequest(IReadOnlyList<MutantEntry> Entries, int Seeds, TimeSpan Budget, bool Json);
