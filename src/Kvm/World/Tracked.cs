#pragma warning disable RS0030 // a cell says what is read and written
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Livebed.Kvm.World;

/// <summary>
/// A field of model state that several operations share. Each access tells the footprint, so depth-first search knows what a step touches
/// and the code that uses the field says nothing. Without a footprint an access costs one null check.
/// The value must not have mutable parts of its own: those need cells too, or a <see cref="TrackedObject{T}"/>.
/// Keep it in a field that is not read-only, and assign the field in the constructor only.
/// </summary>
/// <param name="place">the place; cells of one place are not told apart</param>
/// <param name="value">at first</param>
public struct Tracked<T>(Place place, T value = default!)
{
    private readonly Place _place = place;
    private T _value = value;

    /// <summary>A cell with a place of its own.</summary>
    public Tracked(IWorld? world, T value = default!)
        : this(new Place(world), value)
    {
    }

    public T Value
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        readonly get
        {
            _place.Reads();
            return _value;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        set
        {
            _place.Writes();
            _value = value;
        }
    }

    /// <summary>For a large value that is changed in part. The reference must not outlive the step.</summary>
    [UnscopedRef]
    public ref T Changing
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            _place.Writes();
            return ref _value;
        }
    }
}

/// <summary>
/// An object with fields that are no cells (marked <see cref="CellContentAttribute"/>), such as a queue or a TLB. Each access counts as a
/// write, since the cell cannot see what the caller does with the object. The caller must not keep the object beyond the step.
/// </summary>
/// <param name="place">the place</param>
/// <param name="content">the object</param>
public readonly struct TrackedObject<T>(Place place, T content)
    where T : class
{
    private readonly Place _place = place;
    private readonly T _content = content;

    public T Content
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            _place.Writes();
            return _content;
        }
    }
}
