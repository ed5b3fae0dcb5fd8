namespace Livebed.Kvm.Migration;

/// <summary>Whose a VM is when a hand-over has come to its end.</summary>
internal enum MigrationOwner : byte
{
    Source,
    Destination,

    /// <summary>The destination may or may not have it, and nobody says; so it runs nowhere.</summary>
    Unknown,
}
