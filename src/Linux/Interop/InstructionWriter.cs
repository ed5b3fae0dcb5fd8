using System.Buffers.Binary;

namespace Livebed.Linux.Interop;

/// <summary>Machine code of x86, instruction by instruction as bytes, with jumps to labels: 32-bit displacements, which 32-bit and 64-bit
/// code encode alike.</summary>
internal sealed class InstructionWriter
{
    private readonly List<byte> _bytes = [];
    private readonly Dictionary<string, int> _labels = [];
    private readonly List<(int At, string Label)> _jumps = [];

    /// <summary>Bytes so far.</summary>
    public int Length => _bytes.Count;

    public InstructionWriter Emit(params ReadOnlySpan<byte> bytes)
    {
        _bytes.AddRange(bytes);
        return this;
    }

    /// <summary>Bytes, and a number behind them.</summary>
    public InstructionWriter Emit(ReadOnlySpan<byte> bytes, uint number)
    {
        _bytes.AddRange(bytes);
        Span<byte> buffer = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(buffer, number);
        _bytes.AddRange(buffer);
        return this;
    }

    /// <summary>A label here.</summary>
    public InstructionWriter Label(string name)
    {
        _labels.Add(name, _bytes.Count);
        return this;
    }

    public InstructionWriter Jump(string label) => Jump([0xe9], label);

    /// <summary>If the last result was not zero.</summary>
    public InstructionWriter JumpIfNotZero(string label) => Jump([0x0f, 0x85], label);

    /// <summary>If the last result was zero.</summary>
    public InstructionWriter JumpIfZero(string label) => Jump([0x0f, 0x84], label);

    /// <summary>If the last comparison said below, without signs.</summary>
    public InstructionWriter JumpIfBelow(string label) => Jump([0x0f, 0x82], label);

    public InstructionWriter Call(string label) => Jump([0xe8], label);

    public byte[] ToArray()
    {
        var code = _bytes.ToArray();
        foreach (var (at, label) in _jumps)
            BinaryPrimitives.WriteInt32LittleEndian(code.AsSpan(at), _labels[label] - (at + sizeof(int)));
        return code;
    }

    private InstructionWriter Jump(ReadOnlySpan<byte> instruction, string label)
    {
        _bytes.AddRange(instruction);
        _jumps.Add((_bytes.Count, label));
        _bytes.AddRange(new byte[sizeof(int)]);
        return this;
    }
}
