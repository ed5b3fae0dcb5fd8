using Livebed.Kvm.World;

namespace Livebed.Kvm.Locks;

/// <summary>A wait and the actor (VM, host) where it was seen.</summary>
public sealed record ObservedWait(string Actor, WaitSnapshot Wait)
{
    /// <summary>Identity of the wait over time. The waiter is part of it because an actor that was made anew counts its waits from 1 again.</summary>
    internal (string Actor, long WaitId, OperationId Waiter) Key => (Actor, Wait.WaitId, Wait.Waiter);
}
