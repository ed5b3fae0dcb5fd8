namespace Livebed.Kvm.Migration;

/// <summary>What is done with a migration that takes too long: <c>virsh migrate --timeout</c> with its ways out.</summary>
public enum TimeoutAction : byte
{
    Cancel,

    /// <summary><c>--timeout-suspend</c>: the vCPUs stop, whatever the downtime will be.</summary>
    Suspend,

    /// <summary><c>--timeout-postcopy</c>.</summary>
    Postcopy,
}
