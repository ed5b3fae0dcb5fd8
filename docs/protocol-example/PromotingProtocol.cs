using Livebed.Kvm.Notifiers;
using Livebed.Kvm.World;

namespace ProtocolExample;

/// <summary>
/// The second half, and the repair: a memslot update, before it publishes, counts the open ranges that were elided. It waits for none of
/// them.
/// </summary>
/// <param name="context">what a protocol gets of its VM</param>
public sealed class PromotingProtocol(ProtocolContext context) : RememberingProtocol(context)
{
    private readonly ProtocolContext _context = context;

    public override async ValueTask PublishMemslotsAsync(Operation op, Action publish)
    {
        await _context.MmuLock.WriteLockAsync(op);
        CountElided();
        publish();
        _context.MmuLock.WriteUnlock(op);
    }
}
