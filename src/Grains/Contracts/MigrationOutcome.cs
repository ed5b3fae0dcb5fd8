using Livebed.Kvm.Migration;

namespace Livebed.Grains.Contracts;

/// <summary>How a migration ended, and, when the VM is not the source's any more, the last reports of the source's VM and vCPUs; empty otherwise.</summary>
public sealed record MigrationOutcome(MigrationInfo Info, IReadOnlyList<ActorReport> LastReports);
