namespace Livebed.Kvm.Migration;

/// <summary>That a migration came to a status, so many microseconds after its beginning.</summary>
public readonly record struct MigrationStep(MigrationStatus Status, long AtMicroseconds);
