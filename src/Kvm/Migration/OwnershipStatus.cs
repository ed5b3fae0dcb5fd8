namespace Livebed.Kvm.Migration;

public enum OwnershipStatus : byte
{
    Granted,
    Refused,

    /// <summary>No answer: it may or may not have been granted; ask who owns it.</summary>
    Lost,
}
