namespace Livebed.Kvm.Locks;

public enum HangKind : byte
{
    /// <summary>Operations that wait for each other in a circle.</summary>
    Deadlock,

    /// <summary>A wait for an operation that has ended without giving the lock back.</summary>
    OrphanedHold,

    /// <summary>A wait beyond the bound that is neither of the two: somebody else always comes first, or never lets go.</summary>
    Starvation,
}
