using Livebed.Kvm.World;

using System.Runtime.CompilerServices;

namespace Livebed.Kvm.Locks;

/// <summary>
/// A class of locks, in lockdep's sense: every VM's <c>mmu_lock</c> is one class. The index is the bit in <see cref="HeldLocks"/>; it is
/// given in order of definition, which is the same in every process for those of <see cref="LockClasses"/>.
/// </summary>
public sealed class LockClass
{
    private const int MaxClasses = 64;

    private static readonly Lock DefinitionLock = new();
    private static readonly List<LockClass> Defined = [];

    private LockClass(string name, int index, bool maySleep, bool readersQueueBehindWriters)
    {
        Name = name;
        Index = index;
        MaySleep = maySleep;
        ReadersQueueBehindWriters = readersQueueBehindWriters;
    }

    public string Name { get; }
    public int Index { get; }

    /// <summary>False for spin locks: their holder must not sleep, so it must not ask for a lock that may.</summary>
    public bool MaySleep { get; }

    /// <summary>True where a queued writer blocks new readers, so that a nested read can be part of a cycle.</summary>
    public bool ReadersQueueBehindWriters { get; }

    /// <summary>How many classes there are; indices are below it.</summary>
    public static int Count
    {
        get
        {
            DefineAll();
            lock (DefinitionLock) return Defined.Count;
        }
    }

    /// <summary>Classes with holders that must not sleep, one bit each.</summary>
    [Untracked("only grows, under a lock, before a world runs")]
    internal static ulong AtomicClasses { get; private set; }

    /// <summary>
    /// Defines a class; at most 64 in a process. The kernel's are in <see cref="LockClasses"/> and always come first; a protocol in an
    /// assembly of its own defines its own in a static field, and they get their bits in the order in which its types are first used. In
    /// one process that is enough, and the same in every schedule. The cluster cannot use such classes: what an operation holds crosses
    /// between processes as bits, and another silo has not loaded the assembly, or its types in another order, so the bits would mean other
    /// locks there.
    /// </summary>
    /// <param name="name">as witnesses and lock tables show it; unique in the process</param>
    /// <param name="maySleep">false for a spin lock</param>
    /// <param name="readersQueueBehindWriters">true where a queued writer blocks new readers</param>
    /// <exception cref="InvalidOperationException">A 65th class, or a name that is taken.</exception>
    public static LockClass Define(string name, bool maySleep, bool readersQueueBehindWriters = true)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        DefineAll();
        lock (DefinitionLock)
        {
            if (Defined.Count == MaxClasses) throw new InvalidOperationException($"a process has room for {MaxClasses} lock classes");
            if (Defined.Exists(c => c.Name == name)) throw new InvalidOperationException($"lock class '{name}' is defined twice");
            var created = new LockClass(name, Defined.Count, maySleep, readersQueueBehindWriters);
            Defined.Add(created);
            if (!maySleep) AtomicClasses |= 1UL << created.Index;
            return created;
        }
    }

    public static LockClass ByIndex(int index)
    {
        DefineAll();
        lock (DefinitionLock) return Defined[index];
    }

    public override string ToString() => Name;

    // A process may be sent bits before its own code ever named a class. Within the initialiser that does it this is nothing.
    internal static void DefineAll() => RuntimeHelpers.RunClassConstructor(typeof(LockClasses).TypeHandle);
}
