namespace Livebed.Kvm.Migration.Prediction;

/// <summary>
/// What things cost on the wire in QEMU's stream (migration/ram.c, migration/savevm.c). Simplified: the name of a RAMBlock, which goes over once each time
/// that the block changes, and the end mark of a round are left out, a few bytes a round.
/// </summary>
public static class WireFormat
{
    /// <summary><c>save_page_header</c>: offset and flags in one 64-bit word.</summary>
    public const int PageHeaderBytes = 8;

    /// <summary><c>save_zero_page</c>: the header and one byte.</summary>
    public const int ZeroPageBytes = PageHeaderBytes + 1;

    // qemu_savevm_send_postcopy_ram_discard: up to 12 ranges of two 64-bit words in a command; the command's head (5), a version (1), and "pc.ram" with
    // length and terminator (8).
    private const int DiscardRangesOfCommand = 12;
    private const int DiscardRangeBytes = 16;
    private const int DiscardCommandBytes = 14;

    public static long PageBytes(int pageSize) => pageSize + PageHeaderBytes;

    /// <param name="ranges">runs of pages that the destination must drop</param>
    public static long DiscardListBytes(long ranges) =>
        ranges * DiscardRangeBytes + (ranges + DiscardRangesOfCommand - 1) / DiscardRangesOfCommand * DiscardCommandBytes;
}
