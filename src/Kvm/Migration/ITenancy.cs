namespace Livebed.Kvm.Migration;

/// <summary>The way to a host's <see cref="Tenancy"/>, from user space that may live on another machine of the world's than the host's books.</summary>
public interface ITenancy
{
    string Host { get; }

    /// <inheritdoc cref="Tenancy.Take"/>
    ValueTask<OwnershipStatus> TakeAsync(string vm, Ownership answer);

    /// <inheritdoc cref="Tenancy.Give"/>
    ValueTask GiveAsync(string vm);
}
