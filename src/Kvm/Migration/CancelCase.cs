namespace Livebed.Kvm.Migration;

/// <summary>What <c>migrate_cancel</c> does in a status.</summary>
public enum CancelCase : byte
{
    /// <summary>It has not begun, is over already, or is being cancelled.</summary>
    NothingToDo,

    /// <summary>The migration thread sees it at its next step, and the guest never notices.</summary>
    AtNextStep,

    /// <summary>The vCPUs are stopped: it counts if the destination has not taken the VM over, which the inventory decides; then the source runs on.</summary>
    UntilHandedOver,

    /// <summary>Each side has pages that the other has not: there is no way back.</summary>
    Refused,
}
