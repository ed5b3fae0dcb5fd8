using System.Runtime.CompilerServices;

namespace Livebed.Kvm.Locks;

/// <summary>
/// A class of locks, in lockdep's sense: every VM's <c>mmu_lock</c> is one class. The index is the bit in <see cref="HeldLocks"/>; it is
/// given in order of definition, which is the same in every process because all classes are defined in <see cref="LockClasses"/>.
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

    /// <summary>Defines a class; at most 64 in a process. Only for <see cref="LockClasses"/>: elsewhere the order, and with it the meaning
    /// of the bits that cross the network, would depend on which code ran first.</summary>
    /// <exception cref="InvalidOperationException">A 65th class, or a name that is taken.</exception>
    internal static LockClass Define(string name, bool maySleep, bool readersQueueBehindWriters = true)
    {
        lock (DefinitionLock)
        {
            if (Defined.Count == MaxClasses) throw new InvalidOperationException($"a process has room for {MaxClasses} lock classes");
            if (Defined.Exists(c => c.Name == name)) throw new InvalidOperationException($"lock class '{name}' is defined twice");
            var created = new LockClass(name, Defined.Count, maySleep, readersQueueBehindWriters);
            Defined.Add(created);
            return created;
        }
    }

    public static LockClass ByIndex(int index)
    {
        DefineAll();
        lock (DefinitionLock) return Defined[index];
    }

    public override string ToString() => Name;

    // A process may be sent bits before its own code ever named a class.
    private static void DefineAll() => RuntimeHelpers.RunClassConstructor(typeof(LockClasses).TypeHandle);
}
