namespace Livebed.Kvm.Migration.Prediction;

/// <summary>When dirty bits are cleared, and writes seen again.</summary>
public enum DirtyLogClear : byte
{
    /// <summary><c>KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2</c>: chunk by chunk, when the chunk is about to be sent. What was written before that in the round travels with it.</summary>
    ManualProtect,

    /// <summary>Plain <c>KVM_GET_DIRTY_LOG</c>: all at the sync that begins the round.</summary>
    Plain,
}
