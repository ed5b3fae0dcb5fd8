using Livebed.Kvm.Migration;

namespace Livebed.Driver.Results;

/// <summary>A status that a migration came to, and when, in milliseconds since its beginning.</summary>
public sealed record MigrationStatusTime(MigrationStatus Status, double AtMilliseconds);
