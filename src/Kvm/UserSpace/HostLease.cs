using Livebed.Kvm.Checks;
using Livebed.Kvm.Host;
using Livebed.Kvm.World;

namespace Livebed.Kvm.UserSpace;

/// <summary>
/// A host's leave to run guests, which it has to renew. Who grants it decides who lives, and also which hosts a new inventory asks
/// (<see cref="Migration.InventoryBeginning"/>). A host that was given up and lives on, behind a network that is cut, gets no answer or a
/// refusal. Its guests then stop when the lease is over, which counts from when the last answered request was sent. So they have stopped
/// when an inventory that does not know the host lets them run elsewhere. A host that was not given up lets its guests go on as soon as
/// it is answered again; nobody has taken them.
/// </summary>
public sealed class HostLease
{
    /// <summary>A host asks so often in the time of a lease that two answers may be lost.</summary>
    private const int Renewals = 3;

    private const long DelayMax = 1_000_000;

    private readonly IWorld _world;
    private readonly ILeaseAuthority _authority;
    private readonly GuestFence _fence;
    private readonly long _lengthMicroseconds;
    private Tracked<bool> _isEnded;
    private Tracked<bool> _isRefused;
    private Tracked<long> _until;

    /// <param name="world">the host's</param>
    /// <param name="authority">who says whether the host lives</param>
    /// <param name="fence">of the host</param>
    /// <param name="lengthMicroseconds">how long guests may run after a request that was granted</param>
    public HostLease(IWorld world, ILeaseAuthority authority, GuestFence fence, long lengthMicroseconds)
    {
        (_world, _authority, _fence, _lengthMicroseconds) = (world, authority, fence, lengthMicroseconds);
        var place = new Place(world);
        (_isEnded, _isRefused) = (new Tracked<bool>(place), new Tracked<bool>(place));
        _until = new Tracked<long>(place);

        // At once, and not when its first request is sent, which may be late: guests run from the first answer on.
        _fence.CloseAt(0);
    }

    /// <summary>The host was given up: it never runs a guest again.</summary>
    public bool IsRefused => _isRefused.Value;

    /// <summary>Asks until the host is given up or ends.</summary>
    public async ValueTask RunAsync()
    {
        while (!_isEnded.Value)
        {
            var sent = _world.NowMicroseconds;
            var answer = await _authority.RenewAsync();
            if (answer == LeaseStatus.Refused)
            {
                // Before the lease is over: nothing here is worth a moment more.
                _isRefused.Value = true;
                _fence.CloseAt(0);
                return;
            }

            if (answer == LeaseStatus.Granted) Extend(sent);
            var next = sent + (_lengthMicroseconds / Renewals);
            while (!_isEnded.Value && next - _world.NowMicroseconds is var left and > 0) await _world.DelayAsync(Math.Min(left, DelayMax));
        }
    }

    /// <summary>The host is about to end, and asks no more.</summary>
    public void End() => _isEnded.Value = true;

    private void Extend(long sent)
    {
        if (_until.Value > 0 && _until.Value <= _world.NowMicroseconds) _world.Reached(ReachedCase.LeaseLapsed);
        _until.Value = sent + _lengthMicroseconds;
        _fence.CloseAt(_until.Value);
    }
}

/// <summary>Who says which hosts live.</summary>
public interface ILeaseAuthority
{
    ValueTask<LeaseStatus> RenewAsync();
}

/// <summary>An answer to a host that asks to run guests for another while.</summary>
public enum LeaseStatus : byte
{
    /// <summary>No answer. It says nothing.</summary>
    Lost,

    /// <summary>The host lives for all.</summary>
    Granted,

    /// <summary>The host was given up, which is final.</summary>
    Refused,
}
